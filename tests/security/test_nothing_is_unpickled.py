"""No code of the project runs what a file says: read from its own syntax trees."""

import ast

import pytest

PARTS = ("ekg", "page", "checks", "campaigns", "scripts", "paper", "docker")
FORBIDDEN_MODULES = {
    "pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "joblib",
    "marshal",
    "shelve",
    "yaml",
    "pty",
    "xmlrpc",
}
FORBIDDEN_CALLS = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "os.system",
    "os.popen",
    "pd.read_pickle",
    "pandas.read_pickle",
    "torch.hub.load",
    "torch.jit.load",
}

EXCEPTIONS = {
    ("ekg/model/weights.py", "import pickle"): "names UnpicklingError, which torch raises",
    ("ekg/training/checkpoint.py", "import pickle"): "names UnpicklingError, which torch raises",
    ("campaigns/fuzzing/models.py", "import pickletools"): "takes apart pickles that it has made",
}
"""What would be refused, and why it is right where it stands. It may not grow stale either."""


def sources(root):
    files = [path for part in PARTS for path in sorted((root / part).rglob("*.py"))]
    return [path for path in files if not {"node_modules", "output"} & set(path.parts)]


def dotted(node):
    """Return `torch.load` for such an expression, empty text for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (front := dotted(node.value)):
        return f"{front}.{node.attr}"
    return ""


def keyword(call, name):
    return next((word.value for word in call.keywords if word.arg == name), None)


def is_constant(node, value):
    return isinstance(node, ast.Constant) and node.value is value


def problems_of_call(call):
    name = dotted(call.func)
    last = name.rpartition(".")[2] or (
        call.func.attr if isinstance(call.func, ast.Attribute) else ""
    )
    if name in FORBIDDEN_CALLS or last == "read_pickle":
        yield name or last
    if name == "torch.load" and not is_constant(keyword(call, "weights_only"), True):
        yield "torch.load without weights_only=True"
    if name in {"np.load", "numpy.load"} and not is_constant(keyword(call, "allow_pickle"), False):
        yield "np.load without allow_pickle=False"
    if last in {"extractall", "extract"} and keyword(call, "filter") is None:
        yield f"{last} without filter"
    if last == "unpack_archive":
        yield "unpack_archive"
    shell = keyword(call, "shell")
    if shell is not None and not is_constant(shell, False):
        yield "shell=True"
    unsafe = keyword(call, "allow_pickle")
    if unsafe is not None and not is_constant(unsafe, False):
        yield "allow_pickle=True"


def problems(text):
    """Yield what in a source would run, or let a file run, code from outside."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        elif isinstance(node, ast.Call):
            yield from problems_of_call(node)
            continue
        else:
            continue
        for name in names:
            if name.split(".")[0] in FORBIDDEN_MODULES | {"pickletools"}:
                yield f"import {name}"


def test_only_the_listed_exceptions_stand_in_the_sources(root):
    files = sources(root)
    assert len(files) > 150  # the walk found the project
    found = {
        (path.relative_to(root).as_posix(), problem)
        for path in files
        for problem in problems(path.read_text(encoding="utf-8"))
    }
    assert found == set(EXCEPTIONS)


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from pickle import loads",
        "import yaml",
        "import marshal.x",
        "eval(x)",
        "exec(open(p).read())",
        "os.system(x)",
        "pd.read_pickle(p)",
        "x.read_pickle()",
        "torch.load(p)",
        "torch.load(p, weights_only=False)",
        "torch.load(p, weights_only=w)",
        "np.load(p)",
        "np.load(p, allow_pickle=True)",
        "numpy.load(p, None, True)",
        "tar.extractall(p)",
        "tarfile.open(p).extractall()",
        "zipfile.ZipFile(p).extract(m)",
        "shutil.unpack_archive(p)",
        "subprocess.run(x, shell=True)",
        "subprocess.run(x, shell=s)",
        "np.save(p, a, allow_pickle=True)",
        "torch.hub.load(a, b)",
    ],
)
def test_the_walk_sees_each_way(line):
    assert list(problems(line))


@pytest.mark.parametrize(
    "line",
    [
        "import pick",
        "torch.load(p, weights_only=True)",
        "np.load(p, allow_pickle=False)",
        "model.eval()",
        "re.compile(x)",
        "tar.extractfile(m)",
        "json.loads(t)",
        "tar.extractall(p, filter='data')",
        "subprocess.run([a], shell=False)",
        "ast.literal_eval(text)",
        "torch.compile(m)",
    ],
)
def test_the_walk_lets_the_harmless_pass(line):
    assert not list(problems(line))
