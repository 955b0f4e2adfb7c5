# %% [markdown] id="start"
# # Start here
