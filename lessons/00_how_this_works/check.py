"""What lesson 0 asks for."""

from minicap.learn.exercises import Exercise

NUMBERS_IN = Exercise(
    "0.1", "numbers_in", ("the number of numbers",), lambda H, W, C: H * W * C, example=((2, 3, 3), 18),
    cases=lambda rng: tuple(int(n) for n in rng.integers(4, 300, 3)),
    mistakes=[
        ("the channels are forgotten", "It counts the pixels, H · W. Each pixel holds C numbers.", lambda H, W: H * W),
        ("added instead of multiplied", "It is a sum. For each of the H rows there are W pixels: multiply.",
         lambda H, W, C: H + W + C),
        ("always three channels", "It is H · W · 3. A picture may have one channel, or four: multiply by C.",
         lambda H, W: H * W * 3),
    ])

EXERCISES = (NUMBERS_IN,)
