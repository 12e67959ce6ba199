"""Looks at the processes of this machine."""

from pathlib import Path


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that only waits for its parent to notice does not."""
    return _state_and_parent(pid)[0] not in {"", "Z", "X"}


def descendants(pid: int) -> set[int]:
    """Return the ids of a process's children, and of theirs."""
    parents = {
        int(entry.name): _state_and_parent(int(entry.name))[1]
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit()
    }
    found, look = set(), {pid}
    while look:
        look = {child for child, parent in parents.items() if parent in look} - found
        found |= look
    return found


def _state_and_parent(pid: int) -> tuple[str, int]:
    try:
        # After the name, which may hold anything: state, parent, ...
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return "", 0
    return fields[0], int(fields[1])
