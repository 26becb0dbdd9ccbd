"""What results came from: a graph of the statements about jobs, as text, as a picture, and in the formats of others."""

from queuebit_lineage.graph import Edge, Graph, Node, Unclear, find, graph_of
from queuebit_lineage.openlineage import openlineage_events
from queuebit_lineage.picture import svg
from queuebit_lineage.prov_json import prov_json
from queuebit_lineage.qlprov import NoExport, qlprov_run
from queuebit_lineage.ro_crate import ro_crate
from queuebit_lineage.tree import tree

__all__ = [
    "Edge",
    "Graph",
    "NoExport",
    "Node",
    "Unclear",
    "find",
    "graph_of",
    "openlineage_events",
    "prov_json",
    "qlprov_run",
    "ro_crate",
    "svg",
    "tree",
]
