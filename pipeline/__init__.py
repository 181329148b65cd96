"""Recurrent networks that predict binary images pixel by pixel, and Dirichlet sequences.

A folder is a room of the house, and a boundary for DVC: an edit concerns the stages that
use the folder. A room may import those below it (import-linter, pyproject.toml):

    __main__   the one door: python -m pipeline STAGE|COMMAND [KEY ...]
    stages     one module for each stage of the graph: read, call, return
    commands   for people: inpaint, check, forget, headline, demo, verify, studies, fingerprint
    report     tables in, words out; the sentences are in report/templates
    figures    tables in, figures out
    tables     the tables of reports/ as both need them: rows, cells, the studies, and the
               published numbers judged by them
    files      every file format: content to bytes, files to content
    runtime    runs a stage safely: lock, signals, checkpoints, files in place together
    probes     question 3: what a trained network knows
    params     params.yaml, checked
    meta       question 3: Dirichlet sequences, their exact predictor, networks for them
    pixels     questions 1 and 2: images, masks, completions, baselines
    core       the recurrent network and its predictions, scores, intervals, random numbers
    paths      every path

Where to begin: `core/network.py` is the network, and the shift that makes it causal.
`meta/source.py` is the exact predictor. `stages/` shows what is computed of what.

Glossary
    N, K            images or sequences; characters of a sequence, the reset included
    M, C            missing pixels of an image; its C = 2^M completions
    T               characters in a period, the reset included (`reset_every`)
    alpha           concentration of the Dirichlet prior, an entry for each symbol
    log_p_next      log p(x_t | x_<t); all logarithms are natural
    snapshot        the network after an epoch: "untrained", "0", ..., "final"
    rollout         a network continues an image and reads its own predictions
    teacher forcing a network reads the truth
    marginal        p(x_t | known pixels), the mean over drawn continuations
    completion      one way to fill all missing pixels of an image
    in-painting     the task: the posterior over the completions
    exact           computed by Bayes' rule without approximation
    excess          cross-entropy above the exact predictor's
    regret          excess at one position of a sequence, or summed up to it
    shifted         out of distribution: sequences of another prior or period
"""
