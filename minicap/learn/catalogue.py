"""What the checker says of mistakes that recur from lesson to lesson, one sentence or two for each.

A lesson's check.py fills in the names of its arrays and axes:

    from minicap.learn import catalogue as known

    ("db is a mean over the batch", known.mean("db", "the rows"), lambda dy: dy.mean(axis=0))

The name of a mistake stays in the lesson: it is what tests and statistics refer to.
"""

# -------------------------------------------------------------------------------------------------- sums that are wrong

mean = "{} is a mean over {}. Each of them contributes, and contributions add up: sum, and not mean.".format
not_summed = "{} is {} itself. {}, so the gradients of all of them add up: sum, {}.".format
wrong_axis = "{} is summed over {}. {}: {}.".format
partly_summed = "{} is summed over {} alone. It was used at {}: {}.".format
one_number = "{} is one number, the sum of everything. {}: {}.".format
sum_for_mean = "It is the sum of {}. Asked for is their mean, which does not depend on how many there are.".format
first_only = "{} is the contribution of the first {} alone. All of them contribute: add up all contributions.".format
last_only = ("{} is the contribution of the last {} alone. All of them contribute: is there a `=` in the loop where "
             "`+=` is meant?").format
overwritten = "{}: each one replaces the one before. They add up: += and not =.".format
early = ("Only the first {} is filled in, everything else is 0: a `return` stands inside a loop. It belongs below the "
         "loops.").format

# -------------------------------------------------------------------------------------------- order, shape, and returns

transposed = "{} is {}, which is its transpose: {}.".format
swapped = "{} is what {} should be. The order is ({}).".format
old_returned = "{0} is the {0} that came in. The next step needs the new one.".format
no_return = "{}: is there a `return` at the end, on every way through the function?".format
time_first = "The axes are {}. The batch comes first: {}.".format
brackets = "It is {}: Python divides before it subtracts. Put brackets around {}.".format
multiplied = "{} was multiplied by {}: divide.".format
not_used = "{} is not used. {}.".format

# ------------------------------------------------------------------------------------------------------- linear and RNN

no_bias = "The bias is missing: add {}.".format
bias_subtracted = "It is {} - b: add the bias.".format
slope_of_tanh = "The slope of tanh was taken as {}. It is {}.".format
sigmoid_slope = "The slope was taken as {}, which is the sigmoid's. tanh has {}.".format
dh_unchanged = "dh is what came in, dL/dh'. Asked for is dL/dh, of the state before the step: {}.".format
dh_kept = "dh is what came in plus {0}. The new state replaced the old one, which counts only through U: {0}.".format
du_from_new_state = ("dU pairs {0} with the state after the step. U was multiplied by the state before it: h.T @ "
                     "{0}.").format

# -------------------------------------------------------------------------------------------- softmax and cross-entropy

one_maximum = ("The maximum of everything was subtracted. A row far below it becomes exp(-2000) = 0, and 0 / 0 is "
               "nan. Each row has its own: axis=1, keepdims=True.").format
not_divided_by_sum = "It is {}. Divide by the sum over axis 1.".format
softmax_axis = "{} is summed over the samples. The numbers of one row make a softmax: axis=1.".format
softmax_everything = "{} is summed over everything. Each row has a sum of its own: axis=1, keepdims=True.".format
each_alone = ("It is {0} (1 - {0}) {1}, as for a sigmoid. But each {2} moves every {0}, because they sum to 1: "
              "subtract Σ {0} {1} from {1}.").format
nothing_subtracted = ("It is {0} {1}. When one {0} rises the others fall, because they sum to 1: subtract from {1} "
                      "its mean weighted by {0}.").format
plain_weights = "The plain {0} of {1} is subtracted. It is weighted by {2}: Σ {2} {1}.".format
added_for_subtracted = "The {} was added. It is subtracted: {}.".format
other_logarithm = "It is a logarithm to the base {}. Losses are in natural logarithms: np.log.".format
natural_logarithm = "It is a logarithm to another base. Natural logarithms are meant: np.log.".format
no_logarithm = "{} without the logarithm. {}.".format

# ------------------------------------------------------------------------------------------- captions and their padding

reads_its_target = ("{}. A model that reads the word it has to predict learns to copy: what it reads is one step "
                    "behind, after {}.").format
divided_by_places = ("{} leaves out the padding, and is divided by N · T, all places, so that more padding makes it "
                     "smaller: divide by {}.").format
mean_of_means = ("Each caption was averaged first, so that words in short captions count for more. Sum over the whole "
                 "batch, then divide once by {}.").format
padding_gradient = "{} is not 0 at the padding. What does not count in the loss has the gradient 0.".format
mask_upside_down = "The mask is True at the padding. True is for what counts.".format
mean_of_scores = ("{}. A picture with many words has more weight in a score: add up the rows of all pictures, then "
                  "compute the score of the sums.").format

# ----------------------------------------------------------------------------------------------- windows over a picture

turned = ("The kernel is turned round, upside down and back to front. W[kh, kw] is multiplied by the pixel kh below "
          "and kw to the right of the window's corner.").format
kernel_transposed = ("Rows and columns of the kernel are swapped: the first index of W goes down, like the rows of "
                     "x.").format
stride = ("The windows begin 1 pixel apart and not S: window (oh, ow) begins at row S·oh and column S·ow of the "
          "padded picture. A slice is begin:end:S.").format
stride_of = "In {} the windows begin 1 pixel apart and not S, as they do in the forward pass: begin:end:S.".format
side_by_side = "The windows begin K pixels apart. They begin S pixels apart, and with S < K they overlap.".format
no_padding = "There is no padding. Pad x first, and count the padding in output_size.".format
frame = "It is the gradient of the padded picture. Cut the frame off, so that dx has the shape of x.".format
minus_zero = "dx is empty: it was cut with P:-P, and with P = 0 that is 0:0. P:P + H works for every P.".format
corner = "dx is cut out of the top left corner of the padded picture. x begins at row P and column P.".format
reversed_gradient = ("dW is turned round. dW[kh, kw] belongs to the pixels kh below and kw to the right of the "
                     "windows' corners.").format
across_channels = ("Every channel has the {} of all of them. Pool each channel by itself: the {} over rows and "
                   "columns of the window, axis=(0, 1).").format

# ------------------------------------------------------------------------------------------------------------- training

never_cleared = ("Each step contains the gradients of all steps before it, because backward adds: model.zero_grad() "
                 "after each step.").format
loss_after_step = ("It is the loss after the step, which takes a second forward pass. Asked for is the one "
                   "before.").format
upside_down = "What is right is refused and the rest gets through: the answer is whether the {} is {}.".format
