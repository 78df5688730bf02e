"""What runs beside the models under test, with the same crops and the same clock."""

from lpsr_bench.peers.base import Peer
from lpsr_bench.peers.choose import check_peers, find_peers

__all__ = ["Peer", "check_peers", "find_peers"]
