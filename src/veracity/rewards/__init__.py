"""Floor 5: pure functions from the judged responses of one problem to rewards; one file a reward."""

from veracity.rewards.base import REWARDS, Needs, Reward, check_problems, open_reward, reward
from veracity.rewards.combining import Combined, combined, dominant, shares_of_variance
from veracity.rewards.schedule import RewardSchedule, fact_then_caution

__all__ = [
    "REWARDS",
    "Combined",
    "Needs",
    "Reward",
    "RewardSchedule",
    "check_problems",
    "combined",
    "dominant",
    "fact_then_caution",
    "open_reward",
    "reward",
    "shares_of_variance",
]
