"""Imports what a server needs, and nothing else: for processes that are forked from one that has done so."""

import mlflow.sklearn
import skops.io
import sklearn.ensemble
import sklearn.linear_model
import sklearn.pipeline
import uvicorn.lifespan.on
import uvicorn.loops.auto
import uvicorn.protocols.http.auto

import lib.serving.server
