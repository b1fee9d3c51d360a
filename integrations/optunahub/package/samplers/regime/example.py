"""Where does a decision tree underfit, and where does it overfit, over its depth and the size of its leaves?"""

import optuna
import optunahub
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier

regime = optunahub.load_module(package="samplers/regime")
x, y = load_digits(return_X_y=True)
x_train, x_val, y_train, y_val = train_test_split(x, y, random_state=0)


def objective(trial: optuna.Trial) -> tuple[float, float]:
    tree = DecisionTreeClassifier(
        max_depth=trial.suggest_int("max_depth", 1, 16),
        min_samples_leaf=trial.suggest_int("min_samples_leaf", 1, 64, log=True),
        random_state=trial.number,
    )
    tree.fit(x_train, y_train)
    errors = 1 - tree.score(x_train, y_train), 1 - tree.score(x_val, y_val)
    return regime.report_errors(trial, *errors, train_n=len(y_train), val_n=len(y_val))


def main(trials: int = 40) -> optuna.Study:
    sampler = regime.RegimeSampler(None, chance_error=0.9, seed=0)
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)
    study.optimize(objective, n_trials=trials)
    return study


if __name__ == "__main__":
    for trial in main().trials:
        print(trial.params, trial.values)
