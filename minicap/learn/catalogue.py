"""The checker's messages for mistakes that recur from lesson to lesson, one or two sentences for each.

A lesson's check.py fills in the names of its arrays and axes:

    from minicap.learn import catalogue as known

    ("db is a mean over the batch", known.mean("db", "the rows"), lambda dy: dy.mean(axis=0))

The name of a mistake stays in the lesson: tests and statistics refer to it.
"""

from string import Formatter


def says(sentence):
    """(word, ...) -> the sentence with its fields filled in, in the order in which they first occur."""
    fields = list(dict.fromkeys(name for _, name, _, _ in Formatter().parse(sentence) if name))
    return lambda *words: sentence.format(**dict(zip(fields, words, strict=True)))


# -------------------------------------------------------------------------------------------------- sums that are wrong

mean = says("{array} is a mean over {them}. Each of them contributes, and contributions add up: sum, and not mean.")
not_summed = says("{array} is {terms} itself. {why}, so the gradients of all of them add up: sum, {how}.")
wrong_axis = says("{array} is summed over {axis}. {why}: {how}.")
partly_summed = says("{array} is summed over {axis} alone. It was used at {more}: {how}.")
one_number = says("{array} is one number, the sum of everything. {why}: {how}.")
sum_for_mean = says("It is the sum of {them}. The exercise asks for their mean, which does not depend on how many "
                    "there are.")
first_only = says("{array} is the contribution of the first {one} alone. All of them contribute: add up all "
                  "contributions.")
last_only = says("{array} is the contribution of the last {one} alone. All of them contribute: is there a `=` in the "
                 "loop where `+=` is meant?")
last_output = says("The last output does not count: the loop stops one too early. There are len(dy) of them.")
last_row = says("The last row of outputs does not count: the loop over rows stops one too early.")
overwritten = says("{what}: each one replaces the one before. They add up: += and not =.")
early = says("Only the first {first} is filled in, everything else is 0: a `return` is inside a loop. It belongs "
             "below the loops.")

# -------------------------------------------------------------------------------------------- order, shape, and returns

transposed = says("{array} is {product}, which is its transpose: {wanted}.")
swapped = says("{array} is what {other} should be. The order is ({order}).")
old_returned = says("{name} is the {name} that came in. The next step needs the new one.")
no_return = says("{what}: is there a `return` at the end, on every path through the function?")
time_first = says("The axes are {axes}. The batch comes first: {how}.")
brackets = says("It is {formula}: Python divides before it subtracts. Put brackets around {part}.")
made_with = says("{array} is made with {wrong}. A {one} affects an output by the {other} it is multiplied by: {right}.")
divided_by = says("{array} is divided by {wrong}. Divide by {right}.")
multiplied = says("{x} was multiplied by {by}: divide.")
own_random_numbers = says("Two calls with rngs of the same seed gave different {things}, so an experiment cannot be "
                          "repeated: draw from the rng that is given, not from np.random or a generator of your own.")
same_for_every_rng = says("Calls with rngs of different seeds gave the same {things}: draw from the rng that is given, "
                          "not from a generator of your own, or from none.")
not_used = says("{name} is not used. {why}.")

# ------------------------------------------------------------------------------------------------------- linear and RNN

no_bias = says("The bias is missing: add {b}.")
bias_subtracted = says("It is {sum} - b: add the bias.")
slope_of_tanh = says("The slope of tanh was taken as {wrong}. It is {right}.")
sigmoid_slope = says("The slope was taken as {wrong}, which is the sigmoid's. tanh has {right}.")
dh_unchanged = says("dh is what came in, dL/dh'. The exercise asks for dL/dh, of the state before the step: {right}.")
dh_kept = says("dh is what came in plus {right}. The new state replaced the old one, which counts only through U: "
               "{right}.")
du_from_new_state = says("dU pairs {dz} with the state after the step. U was multiplied by the state before it: h.T @ "
                         "{dz}.")

# -------------------------------------------------------------------------------------------- softmax and cross-entropy

one_maximum = says("The maximum of everything was subtracted. A row far below it becomes exp(-2000) = 0, and 0 / 0 is "
                   "nan. Each row has its own: axis=1, keepdims=True.")
not_divided_by_sum = says("It is {what}. Divide by the sum over axis 1.")
softmax_axis = says("{terms} is summed over the samples. The numbers of one row make a softmax: axis=1.")
softmax_everything = says("{terms} is summed over everything. Each row has a sum of its own: axis=1, keepdims=True.")
each_alone = says("It is {p} (1 - {p}) {dp}, as for a sigmoid. But each {z} moves every {p}, because they sum to 1: "
                  "subtract Σ {p} {dp} from {dp}.")
nothing_subtracted = says("It is {p} {dp}. When one {p} rises the others fall, because they sum to 1: subtract from "
                          "{dp} its mean weighted by {p}.")
plain_weights = says("The plain {kind} of {dp} is subtracted. It is weighted by {p}: Σ {p} {dp}.")
added_for_subtracted = says("The {what} was added. It is subtracted: {why}.")
other_logarithm = says("It is a logarithm to the base {base}. Losses are in natural logarithms: np.log.")
natural_logarithm = says("It is a logarithm to another base. Natural logarithms are meant: np.log.")
no_logarithm = says("{what} without the logarithm. {why}.")

# ------------------------------------------------------------------------------------------- captions and their padding

reads_its_target = says("{what}. A model that reads the word it has to predict learns to copy: what it reads is one "
                        "step behind, after {start}.")
divided_by_places = says("{what} leaves out the padding, and is divided by N · T, all positions, so that more padding "
                         "makes it smaller: divide by {number}.")
mean_of_means = says("Each caption was averaged first, so that words in short captions count for more. Sum over the "
                     "whole batch, then divide once by {number}.")
padding_gradient = says("{array} is not 0 at the padding. What does not count in the loss has the gradient 0.")
mask_upside_down = says("The mask is True at the padding. True is for what counts.")
mean_of_scores = says("{what}. A picture with many words has more weight in a score: add up the rows of all pictures, "
                      "then compute the score of the sums.")

# ----------------------------------------------------------------------------------------------- windows over a picture

turned = says("The kernel is flipped, upside down and back to front. W[kh, kw] is multiplied by the pixel kh below "
              "and kw to the right of the window's corner.")
kernel_transposed = says("Rows and columns of the kernel are swapped: the first index of W goes down, like the rows "
                         "of x.")
stride = says("The windows begin 1 pixel apart and not S: window (oh, ow) begins at row S·oh and column S·ow of the "
              "padded picture. A slice is begin:end:S.")
stride_of = says("In {array} the windows begin 1 pixel apart and not S, as they do in the forward pass: begin:end:S.")
side_by_side = says("The windows begin K pixels apart. They begin S pixels apart, and with S < K they overlap.")
no_padding = says("There is no padding. Pad x first, and count the padding in output_size.")
frame_at_the_end = says("The frame is below the picture and on its right only. It goes all around: P pixels on each "
                        "side, so that x begins at row P and column P.")
frame = says("It is the gradient of the padded picture. Cut the frame off, so that dx has the shape of x.")
minus_zero = says("dx is empty: it was cut with P:-P, and with P = 0 that is 0:0. P:P + H works for every P.")
corner = says("dx is cut out of the top left corner of the padded picture. x begins at row P and column P.")
reversed_gradient = says("dW is flipped. dW[kh, kw] belongs to the pixels kh below and kw to the right of the "
                         "windows' corners.")
across_channels = says("Every channel has the {result} of all of them. Pool each channel by itself: the {function} "
                       "over rows and columns of the window, axis=(0, 1).")

# ------------------------------------------------------------------------------------------------------------- training

never_cleared = says("Each step contains the gradients of all steps before it, because backward adds: "
                     "model.zero_grad() after each step.")
nothing_moves = says("Nothing has moved. optimizer.step() or backward is missing, or step() comes before backward, or "
                     "zero_grad() comes between the two.")
in_place_of = says("There is {wrong} where the exercise asks for {right}.")
loss_after_step = says("It is the loss after the step, which takes a second forward pass. The exercise asks for the "
                       "one before.")
upside_down = says("What is right is refused and the rest gets through: the answer is whether the {number} is "
                   "{condition}.")
