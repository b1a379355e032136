"""`python -m keras_contrastive` is the command line."""

from keras_contrastive.cli.main import run

if __name__ == "__main__":
    run()
