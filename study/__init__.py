"""Studies: from a configuration to trials, a map and findings. docs/architecture.md says what each room holds."""
