"""Can a run start here, and what will it lack: checks of the machine and of the run's data and encoders."""
