# The container: the same environment with CUDA, the same targets, inside an image.
# Included by the Makefile; docker/README.md says more.

DOCKER ?= docker#+ the container engine's command
IMAGE ?= ekg#+ name of the container image
BASE_IMAGE ?=#+ what the image is built on instead of the CUDA base: Debian or Ubuntu, Python 3.11 to 3.14
ADD_PACKAGES ?=#+ Debian packages to add to the image, e.g. "g++ python3-dev" for torch.compile
TARGET ?= help#+ what docker-run makes inside, e.g. TARGET="train EXPERIMENT=experiments/quick.toml"
DOCKER_USER ?=#+ uid:gid inside; the default is the caller's
DOCKER_FLAGS ?=#+ further options of `docker run`, e.g. "--network none" once the data is there
BUILD_FLAGS ?=#+ further options of `docker build`, e.g. "--network host"
SHM_SIZE ?= 8g#+ limit of the shared memory that loader processes use


# Where the container may write; everything else in it is read-only.
CONTAINER_FOLDERS := data runs paper/output best_model_for_paper

# A rootless engine maps the container's root to the caller, any other the caller's own ids.
ROOTLESS = $(findstring rootless,$(shell $(DOCKER) info --format '{{.SecurityOptions}}' 2>/dev/null))
CONTAINER_USER = $(or $(DOCKER_USER),$(if $(ROOTLESS),0:0,$(shell id -u):$(shell id -g)))

# Reference data is mounted beside the project, where the project looks for it.
CONTAINER_SHARED = $(shell cd "$${EKG_SHARED:-../shared}" 2>/dev/null && pwd -P)

# $(call bind,FOLDER HERE,FOLDER INSIDE[,readonly]); the inner quotes allow for commas in names.
comma := ,
bind = --mount 'type=bind,"source=$(1)",target=$(2)$(if $(3),$(comma)$(3))'

CONTAINER_RUN = $(DOCKER) run --rm --init --interactive $$(test -t 0 && test -t 1 && echo --tty || true) \
  --read-only --tmpfs /tmp:rw,exec,nosuid,nodev,mode=1777 --shm-size $(SHM_SIZE) \
  --user $(CONTAINER_USER) $(if $(GPU),--gpus all) \
  $(foreach folder,$(CONTAINER_FOLDERS),$(call bind,$(CURDIR)/$(folder),/workspace/$(folder))) \
  $(if $(CONTAINER_SHARED),$(call bind,$(CONTAINER_SHARED),/shared,readonly))

# Addresses of a private package index or a proxy go into the build where they are set.
FORWARDED_BUILD_ARGS = $(foreach name,PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_TRUSTED_HOST \
  HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy,$(if $($(name)),--build-arg $(name)))

# The commit, with -dirty where the folder differs from it.
REVISION = $(or $(shell git describe --always --abbrev=40 --exclude='*' --dirty 2>/dev/null),unknown)

.PHONY: docker-build docker-run docker-shell docker-test docker-ready docker-image
docker-ready:
	@command -v $(DOCKER) >/dev/null || { echo "error: $(DOCKER) not found; install Docker Engine" \
	  "(https://docs.docker.com/engine/install), name another engine with DOCKER=..., or see docker/README.md" \
	  "for Apptainer" >&2; exit 2; }
	@answer=$$($(DOCKER) info 2>&1 >/dev/null) || { echo "error: the daemon of $(DOCKER) does not answer" \
	  "($$(tail -n 1 <<<"$$answer")); start it (systemctl start docker) and check that you may use it (group docker)" \
	  >&2; exit 2; }

docker-image: docker-ready
	@$(DOCKER) image inspect $(IMAGE) >/dev/null 2>&1 || \
	  { echo "error: image $(IMAGE) not found; run \`make docker-build\` first" >&2; exit 2; }
	@built=$$($(DOCKER) image inspect --format '{{index .Config.Labels "org.opencontainers.image.revision"}}' $(IMAGE)); \
	  now=$(REVISION); test "$$built" = "$$now" || echo "note: image $(IMAGE) was built from $$built, this folder is at" \
	  "$$now; \`make docker-build\` updates it" >&2
	@mkdir -p $(CONTAINER_FOLDERS)

docker-build: docker-ready ### build the container image (first time: about 3 GB to download, 13 GB of disk)
	@$(DOCKER) build --file docker/Dockerfile --tag $(IMAGE) \
	  $(if $(BASE_IMAGE),--build-arg BASE_IMAGE='$(BASE_IMAGE)') \
	  $(if $(ADD_PACKAGES),--build-arg ADD_PACKAGES='$(ADD_PACKAGES)') $(FORWARDED_BUILD_ARGS) \
	  --build-arg VERSION="$$(sed -n 's/^__version__ = "\(.*\)"/\1/p' ekg/_version.py)" \
	  --build-arg REVISION=$(REVISION) $(BUILD_FLAGS) .

docker-run: docker-image ### make TARGET inside the container, on this folder's data and runs
	@$(CONTAINER_RUN) $(DOCKER_FLAGS) $(IMAGE) make $(TARGET)

docker-shell: docker-image ### a shell inside the container
	@$(CONTAINER_RUN) $(DOCKER_FLAGS) $(IMAGE) bash

docker-test: docker-image ### the fast tests inside the container, without network
	@$(CONTAINER_RUN) $(if $(findstring --network,$(DOCKER_FLAGS)),,--network none) $(DOCKER_FLAGS) $(IMAGE) make test
