"""Where does a random forest underfit and overfit, over its depth and the images it sees?

``fitscape run examples/forest.yaml``. Any estimator of scikit-learn goes the same way.
"""

from sklearn.ensemble import RandomForestClassifier


def run(params, data, report):
    """One forest. An epoch is a forest of more trees, so that the curve shows what more trees do."""
    train, val = (images.flatten(1).numpy() for images in (data.train_images, data.val_images))
    forest = RandomForestClassifier(max_depth=params["max_depth"], random_state=params["seed"], warm_start=True)
    for epoch in range(1, params["epochs"] + 1):
        forest.set_params(n_estimators=epoch * params["trees"])
        forest.fit(train, data.train_labels.numpy())
        report(
            train_error=forest.predict(train) != data.train_labels.numpy(),
            val_error=forest.predict(val) != data.val_labels.numpy(),
            epoch=epoch,
        )
