"""Floor 5: pure functions from the judged responses of one problem to rewards; one file a reward."""

from veracity.rewards.base import REWARDS, Needs, Reward, open_reward, reward

__all__ = ["REWARDS", "Needs", "Reward", "open_reward", "reward"]
