"""Sections of the two training configurations published with ai-economist 1.7.1 (`tutorials/rllib`), as they are there.

Phase 2 exists in two forms, with a network's options as `custom_options` or as `custom_model_config`.
"""

from typing import Any


def network(width: int) -> dict[str, Any]:
    """Options of the published network."""
    sizes = {"fc_dim": width, "lstm_cell_size": width, "num_conv": 2, "num_fc": 2}
    return sizes | {"idx_emb_dim": 4, "input_emb_vocab": 100}


def policy(width: int, **changed: Any) -> dict[str, Any]:
    """Either role's learner."""
    return {
        "clip_param": 0.3,
        "entropy_coeff": 0.025,
        "entropy_coeff_schedule": None,
        "gamma": 0.998,
        "grad_clip": 10.0,
        "kl_coeff": 0.0,
        "kl_target": 0.01,
        "lambda": 0.98,
        "lr": 0.0003,
        "lr_schedule": None,
        "model": {"custom_model": "keras_conv_lstm", "custom_options": network(width), "max_seq_len": 25},
        "use_gae": True,
        "vf_clip_param": 50.0,
        "vf_loss_coeff": 0.05,
        "vf_share_layers": False,
        **changed,
    }


THREADS = {"inter_op_parallelism_threads": 2, "intra_op_parallelism_threads": 24}
TRAINER = {
    "batch_mode": "truncate_episodes",
    "env_config": None,
    "local_tf_session_args": THREADS,
    "metrics_smoothing_episodes": None,
    "multiagent": None,
    "no_done_at_end": False,
    "num_envs_per_worker": 2,
    "num_gpus": 0,
    "num_gpus_per_worker": 0,
    "num_sgd_iter": 1,
    "num_workers": 15,
    "observation_filter": "NoFilter",
    "rollout_fragment_length": 200,
    "seed": None,
    "sgd_minibatch_size": 1500,
    "shuffle_sequences": True,
    "tf_session_args": {"allow_soft_placement": True, "device_count": {"CPU": 15, "GPU": 0}, **THREADS},
    "train_batch_size": 6000,
}
PHASE_1 = {
    "general": {
        "ckpt_frequency_steps": 750_000,
        "cpus": 15,
        "episodes": 25_000,
        "gpus": 0,
        "restore_tf_weights_agents": "",
        "restore_tf_weights_planner": "",
        "train_planner": False,
    },
    "trainer": TRAINER,
    "agent_policy": policy(128),
    "planner_policy": policy(128, model={"custom_model": "random", "custom_options": {}, "max_seq_len": 25}),
}
PHASE_2 = {
    "general": {
        "ckpt_frequency_steps": 20_000_000,
        "cpus": 15,
        "episodes": 4_000_000,
        "gpus": 0,
        "restore_tf_weights_agents": "phase1/ckpts/agent.tf.weights.global-step-25000000",
        "restore_tf_weights_planner": "",
        "train_planner": True,
    },
    "trainer": TRAINER,
    "agent_policy": policy(128),
    "planner_policy": policy(
        256, entropy_coeff=0.125, entropy_coeff_schedule=[[0, 2.0], [50_000_000, 0.125]], lr=0.0001
    ),
}
"""With `custom_options`."""
