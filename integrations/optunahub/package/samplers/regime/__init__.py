from fitscape import RegimeSampler, report_errors

__all__ = ["RegimeSampler", "report_errors"]
