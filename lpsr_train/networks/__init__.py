"""The networks: the generator of the paper with its shared deformable attention, and the GP_LPR reader."""
