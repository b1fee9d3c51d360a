"""Running trials on Ray: the only room that knows Ray.

``cluster`` starts or joins it, ``preflight`` looks at it, ``run_trials`` runs what a study lacks, ``watching`` has
the interface of whoever looks on. Ray and torch are imported when first needed.
"""
