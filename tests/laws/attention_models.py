"""Small models whose layers are not all alike, or do not attend to everything."""

from sim.spec.model import GroupedAttention, LinearAttention, SparseIndexer
from tests.laws.scenarios import DENSE, LATENT

HYBRID = DENSE.model_copy(
    update={
        "name": "small-hybrid",
        "attention": GroupedAttention(heads=8, kv_heads=2, head_size=16, output_gate=True),
        "linear": LinearAttention(
            layers=2, key_heads=4, value_heads=8, key_size=8, value_size=16, convolution_tokens=4
        ),
    }
)
SPARSE = LATENT.model_copy(
    update={
        "name": "small-sparse",
        "attention": LATENT.attention.model_copy(
            update={"sparse": SparseIndexer(tokens=16, heads=4, head_size=16)}
        ),
    }
)
