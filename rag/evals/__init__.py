"""Evaluation: questions in, figures and a report out. Everything but asking and drawing is pure.

questions -> runner (variants, observe) -> record -> checks, citing, finding -> figures -> console, report, compare
"""
