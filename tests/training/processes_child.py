"""One of several processes that train a micro model together; the first writes down what it ends with."""

import json
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]


def main(folder: str) -> None:
    import torch
    from preference_rows import pairs

    from micro_models import make_facts, make_model, save_micro
    from veracity.training.dpo import DpoSettings, train_dpo
    from veracity.training.examples import TrainingText, encode
    from veracity.training.launcher import Launch
    from veracity.training.settings import PhaseSettings, SftSettings
    from veracity.training.sft import train_sentences

    torch.set_num_threads(1)
    launch, settings = Launch.from_environment(), SftSettings(batch_size=8, warmup=0)
    told = launch.from_main(lambda: {"decided by": launch.rank})
    model, tokenizer = make_model()
    rows = encode([TrainingText(t) for f in make_facts() for t in f.training_sentences("learn")], tokenizer, settings)
    epochs: list[int] = []
    log = train_sentences(
        model, tokenizer, rows, settings, PhaseSettings(epochs=2, learning_rate=0.01), seed=3,
        folder=Path(folder) / f"training-{launch.processes}", on_epoch_end=lambda epoch, _: epochs.append(epoch),
    )  # fmt: skip
    norm = sum(float(p.detach().double().square().sum()) for p in model.parameters())
    start = launch.from_main(lambda: save_micro(Path(folder) / "start"))
    preferences = train_dpo(
        start, pairs(), DpoSettings(batch_size=8, epochs=2, learning_rate=0.01, warmup=0), seed=3,
        folder=Path(folder) / f"dpo-{launch.processes}", out=Path(folder) / f"model-{launch.processes}",
    )  # fmt: skip
    record = {
        "dpo": preferences.losses,
        "losses": log.losses,
        "norm": norm,
        "epochs": epochs,
        "told": told,
        "processes": launch.processes,
    }
    (Path(folder) / f"{launch.processes}-{launch.rank}.json").write_text(json.dumps(record))


if __name__ == "__main__":
    main(sys.argv[1])
