"""Whether a pool's parallelism divides the model that it is to serve."""

from sim.errors import ScenarioError
from sim.spec.model import GroupedAttention, LatentAttention, ModelSpec, RoutedExperts
from sim.spec.scenario import Pool


def check_parallelism(pool: Pool, model: ModelSpec, where: str) -> None:
    """ScenarioError where heads, experts or their width cannot be split so."""
    tp = pool.attention.tp
    if model.attention.heads % tp:
        raise ScenarioError(
            f"{where}.attention.tp: {tp} does not divide the {model.attention.heads} heads of "
            f"{model.name}; choose a divisor"
        )
    _check_kv_heads(model, tp, where)
    _check_linear_heads(model, tp, where)
    _check_cores(pool, model, where)
    if model.experts is None:
        _check_dense(pool, model, where)
    else:
        _check_experts(pool, model, model.experts, where)


def _check_experts(pool: Pool, model: ModelSpec, routed: RoutedExperts, where: str) -> None:
    tp, dp, experts = pool.attention.tp, pool.attention.dp, pool.experts
    ep = expert_groups(pool)
    if experts.on is None and ep * experts.expert_tp != tp * dp:
        raise ScenarioError(
            f"{where}.experts: ep {ep} x expert_tp {experts.expert_tp} must equal tp {tp} x dp {dp}"
            f" = {tp * dp}"
        )
    if not ep:
        raise ScenarioError(
            f"{where}.experts.expert_tp: {experts.expert_tp} is more than tp {tp} x dp {dp} = "
            f"{tp * dp}; write 'ep'"
        )
    if routed.experts % ep:
        raise ScenarioError(
            f"{where}.experts.ep: {ep} does not divide the {routed.experts} experts of "
            f"{model.name}; choose a divisor"
        )
    if routed.intermediate_size % experts.expert_tp:
        raise ScenarioError(
            f"{where}.experts.expert_tp: {experts.expert_tp} does not divide the experts' "
            f"intermediate_size {routed.intermediate_size}; choose a divisor"
        )
    if experts.moe_entry == "replicate" and experts.on is not None:
        raise ScenarioError(
            f"{where}.experts.moe_entry: 'replicate' needs experts on attention's devices, not "
            f"'on' others; write 'scatter'"
        )
    if experts.moe_entry == "replicate" and dp > 1:
        raise ScenarioError(
            f"{where}.experts.moe_entry: 'replicate' needs one rank, not dp {dp}; write 'scatter'"
        )


def _check_kv_heads(model: ModelSpec, tp: int, where: str) -> None:
    if isinstance(model.attention, GroupedAttention):
        small, large = sorted((model.attention.kv_heads, tp))
        if large % small:
            raise ScenarioError(
                f"{where}.attention.tp: {tp} and the {model.attention.kv_heads} kv_heads of "
                f"{model.name} do not divide one another; choose another tp"
            )


def _check_cores(pool: Pool, model: ModelSpec, where: str) -> None:
    if pool.attention.core_on is None:
        return
    attention = model.attention
    is_sparse = isinstance(attention, LatentAttention) and attention.sparse is not None
    if model.linear is not None or is_sparse:
        kind = "linear layers" if model.linear is not None else "an indexer"
        raise ScenarioError(
            f"{where}.attention.core_on: not modelled for {model.name}, which has {kind}; "
            "leave it out"
        )


def _check_linear_heads(model: ModelSpec, tp: int, where: str) -> None:
    if model.linear is not None and model.linear.key_heads % tp:
        raise ScenarioError(
            f"{where}.attention.tp: {tp} does not divide the {model.linear.key_heads} key heads of "
            f"the linear layers of {model.name}; choose a divisor"
        )


def _check_dense(pool: Pool, model: ModelSpec, where: str) -> None:
    if pool.attention.dp > 1:
        raise ScenarioError(
            f"{where}.attention.dp: {pool.attention.dp} ranks of {model.name}, which has no "
            "experts to share, are no replica; write dp: 1 and more 'replicas'"
        )
    given = pool.experts
    is_asked = given.moe_entry is not None or given.on is not None
    if (given.ep or 1) > 1 or given.expert_tp > 1 or is_asked:
        raise ScenarioError(f"{where}.experts: {model.name} has no experts; leave 'experts' out")


def expert_groups(pool: Pool) -> int:
    """How many groups the experts of a replica lie on; by default as many as fit."""
    experts = pool.experts
    return pool.attention_devices // experts.expert_tp if experts.ep is None else experts.ep
