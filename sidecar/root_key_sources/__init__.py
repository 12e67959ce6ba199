"""Where the root key comes from: one file for each kind of place, and the choice among them."""

from sidecar.root_key_sources.choice import RootKeySource, fetch_root_key

__all__ = ["RootKeySource", "fetch_root_key"]
