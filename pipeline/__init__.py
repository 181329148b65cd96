"""Recurrent networks that predict binary images pixel by pixel, and Dirichlet sequences.

Map of the package, bottom up; a module imports only from its own group and those above it:

    randomness     one stream of random numbers for each purpose
    images         binarisation, raster order
    masks          which pixels are missing, and the course's file format
    completions    all fillings of missing pixels and the posterior over them
    neighbours     fills from the surrounding pixels, without a network
    baselines      continuations of an image that need no network
    dirichlet      sequences with periodic resets and their exact predictor
    bounds         what exact predictors of them reach in expectation
    comparison     a predictor of such sequences beside the exact one
    knowledge      a predictor in every state of knowledge within a period
    offprior       predictors on sequences that their own prior did not make
    scores         cross-entropy, KL, calibration, means with standard errors
    examples       the rules by which pictures are chosen
    checks         what must hold of results before they are written
        (NumPy in, NumPy out)

    params         params.yaml as checked, frozen dataclasses
    sources        grey images from tensorflow-datasets or scikit-learn

    network        the one recurrent network, and the shift that makes it causal
    fused          the same network by fused operations, for speed
    training       the compiled step of gradient descent
    metatask       training on Dirichlet sequences
    prediction     conditional log probabilities and rollout
    infill         exact scores of all completions; the write-up's two other plans
        (Keras; arrays in, arrays out, no files)

    published      every number of the write-up, and how ours is held against it
    tables         records as Markdown
    style          the settings and colours that all figures share
    findings       questions 1 and 2: sentences computed from the tables
    figures        questions 1 and 2: records as matplotlib figures
    document       the report's text, and its rendering as HTML
    meta_findings  question 3: sentences
    meta_figures   question 3: figures
    meta_section   question 3: the report's section
        (records in, text or figures out; no files, no Keras)

    storage        files that are complete or absent, and checked when they are read
    files          every path, and every file format but that of networks
    model_file     networks as .keras files
        (imported by stages and commands only)

    guard          against two runs at once, orphans, and other versions
    checkpoints    where training goes on after it was stopped
    stages         one module for each stage of dvc.yaml and studies/dvc.yaml
    studies        command: the tables of what studies/dvc.yaml has run
    demo           command: the whole graph on scikit-learn's digits, in a folder of its own
    verify         command: the graph run anew, beside the committed results
    inpaint        command and function: the missing pixels of one's own images

Glossary: N images or sequences, T time steps (of the meta-tasks also characters in a
period), K symbols, M missing pixels, C = 2^M completions (of the meta-tasks vectors of
counts, and H histories that lead to them), alpha the Dirichlet concentration. Snapshot:
the network after a stated epoch. Rollout: the network continues a sequence, fed with its
own predictions; teacher forcing: fed with the truth. Exact: computed from the model by
Bayes' rule without approximation. Excess: cross-entropy above the exact predictor's. All
logarithms are natural; `log_p_next` is log p(x_t | x_<t).
"""
