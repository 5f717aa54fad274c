"""Training sections of the reference program's configurations. Kind: hand-derived values and error messages."""

import json

import pytest

from fisc.core.errors import ConfigError
from fisc.scenarios.foundation_config import resolve
from fisc.scenarios.foundation_scenario import scenario_of

from . import published_training
from .test_foundation import PUBLISHED, changed


def test_the_training_section_becomes_learning_and_budgets():
    sections = {k: v for k, v in PUBLISHED.items() if k != "env"}
    scenario = scenario_of(resolve(PUBLISHED["env"], sections))
    assert scenario.arms == ("planner",)
    learning = scenario.learning
    # 15 workers with 2 environments each, 6000 steps an update: 200 steps, which are 2 periods, in each of 30.
    assert (learning.environments, learning.periods_per_update, learning.citizen.epochs) == (30, 2, 1)
    assert (learning.max_rate_start, learning.planner.joins_at) == (pytest.approx(0.1), 0.0)
    assert (learning.planner.begins_at, learning.planner.begins_within) == (0.5, 0.25)
    assert learning.planner.settles_at == 1.0, "learns to the end, as published"
    assert (learning.citizen.own_networks, learning.citizen.per_agent) == (False, False)
    assert (learning.citizen.learning_rate, learning.citizen.discount) == (0.0003, 0.998)
    assert learning.citizen.hidden == (128, 128)
    assert (learning.planner.entropy, learning.planner.final_entropy) == (2.0, 0.125)
    # 4 million episodes of 1000 steps, 6000 steps an update.
    assert scenario.budget("full").planner_updates == 4_000_000 * 1000 // 6000
    assert scenario.caveats == (
        "planner_policy: of entropy_coeff_schedule the first and last value are kept, over the whole of learning; "
        "when they are reached, and those between, are not.",
        "The ceiling on rates rose with every episode there; here it rises to 1 while the planner learns.",
        "Weights in phase1/agent are of another program: learning begins from new ones.",
    )


def as_stored_later(sections):
    """The form in which options of a network are called custom_model_config."""
    text = json.dumps(sections).replace('"custom_options"', '"custom_model_config"')
    return json.loads(text)


@pytest.mark.parametrize("form", [lambda sections: sections, as_stored_later])
def test_the_published_training_is_imported_whole_in_both_forms_of_its_files(form):
    scenario = scenario_of(resolve(PUBLISHED["env"], form(published_training.PHASE_2)))
    citizen, planner = scenario.learning.citizen, scenario.learning.planner
    assert (citizen.network, citizen.filters, citizen.hidden) == ("convolution_lstm", (16, 32), (128, 128))
    # The planner sees no map in that configuration: there is nothing to look at through filters.
    assert (planner.network, planner.filters, planner.hidden) == ("lstm", (), (256, 256))
    for role in (citizen, planner):
        assert (role.sequence, role.head, role.epochs, role.minibatches) == (25, "categorical", 1, 4)
        assert (role.clip, role.max_gradient_norm, role.discount, role.trace) == (0.3, 10.0, 0.998, 0.98)
        assert role.shuffles and role.kl_limit == 1000
        assert role.critic_hidden == role.hidden and role.critic_sees_maps and not role.radius and not role.thresholds
    assert (citizen.learning_rate, citizen.entropy, citizen.final_entropy) == (0.0003, 0.025, 0.025)
    assert (planner.learning_rate, planner.entropy, planner.final_entropy) == (0.0001, 2.0, 0.125)
    assert (scenario.learning.environments, scenario.learning.periods_per_update) == (30, 2)
    notes = " ".join(scenario.caveats)
    assert "Not carried over from agent_policy: vf_clip_param, vf_loss_coeff." in notes
    assert "planner_policy: of entropy_coeff_schedule the first and last value are kept" in notes
    assert "global-step-25000000 are of another program" in notes


def test_the_published_first_phase_is_one_of_citizens_alone():
    env = changed({"PeriodicBracketTax": {"disable_taxes": True}}, energy_warmup_constant=10_000)
    scenario = scenario_of(resolve(env | {"energy_warmup_method": "auto"}, published_training.PHASE_1))
    assert (scenario.arms, scenario.learning.citizen.network) == (("free_market",), "convolution_lstm")
    assert (scenario.economy.warmup_counts, scenario.economy.labor_warmup) == ("rewarding steps", 10_000)
    # 25,000 episodes of 1000 steps, 6000 steps an update.
    assert scenario.budget("full").updates == 25_000_000 // 6000


@pytest.mark.parametrize(
    "section, change, message",
    [
        ("trainer", {"num_workers": "many"}, "trainer.num_workers is 'many': expected a whole number of at least 0"),
        ("trainer", {"num_wrkers": 2}, "unknown key 'num_wrkers' in trainer: did you mean 'num_workers'"),
        ("general", {"episodes": 0}, "general.episodes is 0: expected a whole number of at least 1"),
        ("general", {"train_planner": "yes"}, "general.train_planner is 'yes': expected true or false"),
        ("agent_policy", {"gamma": 1.5}, "agent_policy.gamma is 1.5: expected a number from 0 to 1"),
        ("agent_policy", {"lr": 0}, "agent_policy.lr is 0: expected a number above 0"),
        ("agent_policy", {"lr": float("nan")}, "agent_policy.lr is nan: expected a number above 0"),
        ("agent_policy", {"lr_schedule": [[0, 1.0], [0, 0.5]]}, r"lr_schedule is .*: expected \[\[environment steps"),
        ("agent_policy", {"lr_schedule": [0.1]}, r"lr_schedule is \[0.1\]: expected \[\[environment steps"),
        ("agent_policy", {"model": 3}, r"agent_policy.model is 3: expected \{key: value\}"),
        ("agent_policy", {"model": {"custom_options": 3}}, "agent_policy.model.custom_options is 3"),
        ("agent_policy", {"model": {"custom_options": {"fc_dim": 0}}}, "custom_options.fc_dim is 0: expected a whole"),
        ("agent_policy", {"model": {"custom_options": {"fc_dims": 9}}}, "unknown key 'fc_dims' in .*: did you mean"),
        ("trainer", {"shuffle_sequences": 7}, "trainer.shuffle_sequences is 7: expected true or false"),
        (
            "agent_policy",
            {"model": {"custom_options": {"num_fc": 2}, "custom_model_config": {"fc_dim": 9}}},
            "give one",
        ),
        ("trainer", 3, r"section trainer is 3: expected \{key: value\}"),
    ],
)
def test_training_sections_are_checked(section, change, message):
    given = published_training.PHASE_2
    sections = given | {section: given[section] | change if isinstance(change, dict) else change}
    with pytest.raises(ConfigError, match=message) as caught:
        resolve(PUBLISHED["env"], sections)
    assert "\n" not in str(caught.value)


def test_what_a_section_says_and_a_scenario_cannot_is_told():
    given = published_training.PHASE_2
    rates = {"lr_schedule": [[0, 4e-4], [1000, 2e-4], [9000, 1e-4]], "entropy_coeff_schedule": None, "use_gae": False}
    sections = given | {
        "trainer": TRAINER_ELSEWHERE,
        "planner_policy": published_training.policy(64, **rates),
    }
    sections["planner_policy"]["model"]["custom_options"]["lstm_cell_size"] = 32
    sections["planner_policy"]["model"]["custom_model"] = "mine"
    scenario = scenario_of(resolve(PUBLISHED["env"], sections))
    planner = scenario.learning.planner
    assert (planner.learning_rate, planner.final_learning_rate) == (4e-4, 0.25)
    notes = " ".join(scenario.caveats)
    assert "Not carried over from trainer: framework." in notes
    assert "Not carried over from planner_policy: use_gae, vf_clip_param, vf_loss_coeff." in notes
    assert "of lr_schedule the first and last value are kept" in notes
    assert "planner_policy: network mine is not known here" in notes
    assert "planner_policy: a memory of 32 there is 64 here" in notes


TRAINER_ELSEWHERE = published_training.TRAINER | {"framework": "torch"}


def test_a_trainer_alone_counts_for_both_roles_and_nulls_say_nothing():
    trainer = {"num_workers": 1, "num_envs_per_worker": None, "num_sgd_iter": 1, "num_cpus_per_worker": 2}
    learning = scenario_of(resolve(PUBLISHED["env"], {"trainer": trainer})).learning
    # Two environments are the fewest; a batch has no more parts than there are environments.
    assert learning.environments == 2
    for role in (learning.citizen, learning.planner):
        assert (role.epochs, role.minibatches) == (1, 2)
    nothing = {"trainer": {"num_workers": None, "train_batch_size": None}}
    assert scenario_of(resolve(PUBLISHED["env"], nothing)).learning.environments == 128


def test_notes_are_of_the_arm_that_is_in_force():
    env = changed({"PeriodicBracketTax": {"tax_model": "saez"}})
    notes = scenario_of(resolve(env, published_training.PHASE_2)).caveats
    assert not any("planner_policy" in note for note in notes)
    random = published_training.PHASE_2 | {"planner_policy": published_training.PHASE_1["planner_policy"]}
    assert "The planner did not learn there; here it learns." in scenario_of(resolve(PUBLISHED["env"], random)).caveats


def test_an_update_of_another_size_is_told_and_a_rate_may_fall_to_nothing():
    sections = published_training.PHASE_2 | {
        "trainer": published_training.TRAINER | {"train_batch_size": 6100},
        "agent_policy": published_training.policy(64, lr_schedule=[[0, 1e-3], [10, 0.0]], grad_clip=None),
    }
    scenario = scenario_of(resolve(PUBLISHED["env"], sections))
    assert scenario.learning.citizen.final_learning_rate == 0.0
    notes = " ".join(scenario.caveats)
    assert "An update is 6,000 steps here, whole tax periods of all environments; there 6,100." in notes
    assert "agent_policy: gradients are not clipped there; here they are." in notes
