"""The study that ``fitscape init`` writes."""

TEMPLATE = """\
# A study of Fitscape. Run it with:  fitscape run study.yaml
# Every key is here with its default or an example; leave out what you do not need.
# A mistyped key is refused with its line. `fitscape schema` prints a JSON Schema for your editor.

name: my-study
description: Where do three families underfit, fit well and overfit on my data?

data:
  dataset: digits            # fitscape list datasets; your own images: folder:PATH, a class a subfolder
  root: null                 # where data sets lie or go; null: $FITSCAPE_DATA, else the user's cache
  image_size: null           # pixels a side; null: the data set's own
  limit: null                # at most this many images; null: all
  validation_fraction: 0.2
  test_fraction: 0.2         # where the data set has no test part of its own
  split_seed: 0

# What a trial is where the space does not say otherwise.
base:
  model:
    family: resnet           # fitscape list models
    depth: 18
    width: 0.25              # multiplies every channel count, 0.0625 to 2
    norm: batch              # batch, group, none
    init: he                 # he, glorot, gaussian
    stem: small              # small, imagenet
    dropout: 0
  data:
    train_fraction: 1        # share of the training images
    label_noise: 0           # share of the training labels that are drawn anew
    augment: none            # none, flip, crop, crop_flip, crop_flip_cutout
  optimization:
    optimizer: sgd           # sgd, adamw
    lr: 0.1                  # peak learning rate
    weight_decay: 1e-4
    momentum: 0.9
    batch_size: 128
    epochs: 10
    schedule: one_cycle      # one_cycle, cosine, constant, step

# What is searched: any key of base's three sections, or `architecture` (family and depth in one).
# A search space by name does too: `space: quick` (fitscape list spaces).
space:
  architecture: {choices: [resnet18, plain18, densenet121]}
  width: {low: 0.125, high: 0.5, log: true}
  train_fraction: {low: 0.02, high: 1, log: true}
  weight_decay: {low: 1e-5, high: 1e-1, log: true}

# Points that are run first.
enqueue:
  - {architecture: resnet18, width: 0.5, train_fraction: 1}

search:
  sampler: sobol             # sobol, random, tpe, grid, regime
  trials: 24                 # all in all
  seeds: 1                   # runs of each suggested configuration
  seed: 0

regimes:
  tau: 0.05                  # how far from the best reachable error still counts as good
  confidence: 0.9            # below: undecided
  reference_error: null      # best reachable error; null: estimated from the study

resources:
  cpus_per_trial: 1
  gpus_per_trial: 0          # a fraction packs several trials on a card; auto measures it
  max_concurrent: null       # null: as many as fit
  max_attempts: 3            # of a trial, after crashes
  trial_timeout: 3600.0      # seconds without a step until a trial counts as hung; null: never
  precision: auto            # auto, fp32, bf16

tracking:
  uri: null                  # MLflow server; null: a SQLite store beside the study
  experiment: fitscape
"""
