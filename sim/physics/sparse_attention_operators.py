"""The kernels that choose which tokens latent attention attends to (DeepSeek sparse attention).

DeepSeek-V3.2 (arXiv 2512.02556) and the model code published with DeepSeek-V3.2-Exp.
An indexer of some heads scores every token of the sequence against one key each; the best ones are
attended to. Each device of a rank computes the whole indexer, as engines do. Keys lie in a cache of
their own, in fp8 with one fp32 scale a key whatever the type of the other cache, and are scored in
fp8. Scores are written and read again in fp32.

Left out: the Hadamard transform of queries and keys, and masked dense attention for short prompts.
"""

from sim.physics.attention_parts import PARTS, Part, gemm, moves
from sim.physics.kernels import product
from sim.physics.sums import StepSums, SumsOperator
from sim.physics.work import Operator, Real, Work
from sim.spec.device import ELEMENT_BYTES, ElementType
from sim.spec.model import LatentAttention, ModelSpec, SparseIndexer
from sim.spec.scenario import Precision

_KEY: ElementType = "fp8"
_SCORE_BYTES = _SCALE_BYTES = _CHOICE_BYTES = ELEMENT_BYTES["fp32"]  # a choice is an int32


def index_key_bytes(indexer: SparseIndexer) -> float:
    """What one token leaves in the indexer's cache of a layer."""
    return indexer.head_size * ELEMENT_BYTES[_KEY] + _SCALE_BYTES


CHOSEN_PARTS = (
    Part.of("decode", "decode_tokens", "decode_window_kv_tokens", "decode_window_kv_tokens"),
    Part.of("prefill", "prefill_tokens", "prefill_window_pairs", "prefill_kv_tokens"),
)
"""Who attends to what was chosen.

A decoding token reads its choice; the tokens of a prompt, each with a choice of its own, are taken
to read all that is there between them, once.
"""


def index_cores(
    model: ModelSpec, indexer: SparseIndexer, precision: Precision
) -> list[SumsOperator]:
    """Scores of all tokens and the choice between them, on each device."""
    found = []
    for part, chosen in zip(PARTS, CHOSEN_PARTS, strict=True):
        found += [
            _scores(model, indexer, part),
            _choice(model, precision, part, chosen),
        ]
    return found


def _scores(model: ModelSpec, indexer: SparseIndexer, part: Part) -> SumsOperator:
    def work(sums: StepSums) -> Work:
        return index_scores(indexer, part.queries(sums), part.pairs(sums), part.kv_tokens(sums))

    name, kernel = f"{part.name} index scores", f"dsa_{part.name}"
    return SumsOperator(name, "attention", model.attending_layers, kernel, work, part.prefills)


def _choice(model: ModelSpec, precision: Precision, part: Part, chosen: Part) -> SumsOperator:
    def work(sums: StepSums) -> Work:
        moved_bytes = _SCORE_BYTES * part.pairs(sums) + _CHOICE_BYTES * chosen.pairs(sums)
        return Work(0.0, moved_bytes, precision.activations)

    name = f"{part.name} index choice"
    return SumsOperator(
        name, "attention", model.attending_layers, "elementwise", work, part.prefills
    )


def index_scores(indexer: SparseIndexer, queries: Real, pairs: Real, kv_tokens: Real) -> Work:
    """Every head's query with the one key of every token, summed over heads with weights."""
    query_elements = indexer.heads * indexer.head_size
    weight_bytes = indexer.heads * ELEMENT_BYTES["fp32"]
    return Work(
        flop=2 * query_elements * pairs,
        bytes=index_key_bytes(indexer) * kv_tokens
        + (query_elements * ELEMENT_BYTES[_KEY] + weight_bytes) * queries
        + _SCORE_BYTES * pairs,
        arithmetic=_KEY,
    )


def index_projections(
    model: ModelSpec,
    shape: LatentAttention,
    indexer: SparseIndexer,
    precision: Precision,
    tokens: Real,
) -> list[Operator]:
    """Queries from the compressed query, the key and the heads' weights from the hidden vector."""
    weights, element = precision.weights, precision.activations
    heads, size, hidden = indexer.heads, indexer.head_size, model.hidden_size
    queries = product(tokens, heads * size, shape.query_rank or 0, weights, element)
    key = product(tokens, size, hidden, weights, element)
    # The heads' weights stay in the activations' type, as published.
    head_weights = product(tokens, heads, hidden, element, element)
    quantised_bytes = (heads + 1) * size * (ELEMENT_BYTES[element] + ELEMENT_BYTES[_KEY])
    written = Work(0.0, (quantised_bytes + (heads + 1) * _SCALE_BYTES) * tokens, element)
    return [
        gemm(model, "index query", queries),
        gemm(model, "index key", key),
        gemm(model, "index weights", head_weights),
        moves(model, "index key norm", 2 * size * tokens, precision),
        moves(model, "index rotary", 2 * (heads + 1) * shape.rope_size * tokens, precision),
        Operator("index cache write", "attention", model.attending_layers, "elementwise", written),
    ]
