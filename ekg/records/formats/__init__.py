"""Files of other machines: recognised by content, read as they state it, written as WFDB."""
