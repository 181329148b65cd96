"""Recurrent networks that predict binary images pixel by pixel, and Dirichlet sequences.

Map of the package, bottom up; a module imports only from its own group and those above it:

    randomness     one stream of random numbers for each purpose
    images         binarisation, raster order
    masks          which pixels are missing, and the course's file format
    completions    all fillings of missing pixels and the posterior over them
    neighbours     fills from the surrounding pixels, without a network
    baselines      continuations of an image that need no network
    dirichlet      sequences with periodic resets and their exact predictor
    comparison     a predictor of such sequences beside the exact one
    scores         cross-entropy, KL, calibration, means with standard errors
    examples       the rules by which pictures are chosen
        (NumPy in, NumPy out)

    params         params.yaml as checked, frozen dataclasses
    sources        grey images from tensorflow-datasets or scikit-learn

    network        the one recurrent network, and the shift that makes it causal
    training       the compiled step of gradient descent
    prediction     conditional log probabilities and rollout
    infill         exact scores of all completions; the write-up's two other plans
        (Keras; arrays in, arrays out, no files)

    published      every number of the write-up, and how ours is held against it
    findings       sentences computed from the tables
    tables         records as Markdown
    figures        records as matplotlib figures
    document       the report's text, and its rendering as HTML
        (records in, text or figures out; no files, no Keras)

    files          every path and file format (imported by stages and commands only)

    stages         one module for each stage of dvc.yaml: read, call, write
    demo           command: the whole graph on scikit-learn's digits, in a folder of its own
    inpaint        command and function: the missing pixels of one's own images

Glossary: N images or sequences, T time steps, K symbols, M missing pixels, C = 2^M
completions, alpha the Dirichlet concentration. Snapshot: the network after a stated
epoch. Rollout: the network continues a sequence, fed with its own predictions; teacher
forcing: fed with the truth. Exact: computed from the model by Bayes' rule without
approximation. Excess: cross-entropy above the exact predictor's. All logarithms are
natural; `log_p_next` is log p(x_t | x_<t).
"""
