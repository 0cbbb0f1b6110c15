"""From a configuration to jobs: where they write, what they read, what they use, when they are out of date."""
