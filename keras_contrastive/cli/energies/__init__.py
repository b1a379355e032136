"""`keras-contrastive pretrain` for the methods that train an energy."""
