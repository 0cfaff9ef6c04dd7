#!/usr/bin/env python3
"""Numbers for tests/report/infection_map_test.cpp: the infection map of Degerli et al. written with
Python's colorsys, without our code. Prints a line for each pixel: gray, probability, red, green,
blue."""
import colorsys
import math


def jet(value):
    return [round(255 * min(1, max(0, 1.5 - abs(4 * value - centre)))) for centre in (3, 2, 1)]


def half_even(value):
    floor = math.floor(value)
    rest = value - floor
    return floor + (rest > 0.5 or (rest == 0.5 and floor % 2 == 1))


def painted(gray, probability):
    if probability < 1 / 255:
        return [gray] * 3
    hue, saturation, _ = colorsys.rgb_to_hsv(*(c / 255 for c in jet(probability)))
    return [half_even(255 * c) for c in colorsys.hsv_to_rgb(hue, saturation, gray / 255)]


for gray, probability in [(0, 0.5), (10, 0.0), (200, 0.003), (200, 0.004), (200, 0.1), (90, 0.2),
                          (255, 0.25), (31, 0.4), (128, 0.5), (180, 0.55), (77, 0.7), (255, 0.75),
                          (140, 0.8), (250, 0.95), (61, 1.0)]:
    print(f"{{{gray}, {probability}, {', '.join(map(str, painted(gray, probability)))}}},")
