"""The process of a step of the check, with the small networks of the CPU on any device."""

from synaxial.studies.gpu_check import process, setting, timing, training

setting.EXPERIMENTS = setting.SMALL
setting.WIDTHS["gpu"] = setting.WIDTHS["cpu"]
training.ITERATIONS = 10
timing.WARM_UPS, timing.MOST = 0, 1

if __name__ == "__main__":
    process.main()
