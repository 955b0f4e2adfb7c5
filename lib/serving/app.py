"""The server as an ASGI app: which address answers what."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request
from prometheus_client import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from starlette.exceptions import HTTPException
from starlette.responses import Response

from lib.errors import ServingError
from lib.registry import Admit, LoadedVersion
from lib.serving import inference_v2, mlflow_protocol, plain_protocol
from lib.serving.batcher import Conceal, as_it_is
from lib.serving.bundle import Bundle
from lib.serving.current import Source, wanted_version
from lib.serving.edge import Access, Edge, Endpoint
from lib.serving.http import Refused, answer, refusal
from lib.serving.limits import Limits
from lib.serving.log import Policy, PredictionLog
from lib.serving.openapi import body, describe, documented
from lib.serving.service import Lookup, Screen, Service
from lib.settings import Settings

TITLE = "Model server"
Extension = Callable[[FastAPI], contextlib.AbstractAsyncContextManager[None]]


@dataclass(frozen=True, kw_only=True)
class Equipment:
    """What a server has beside its predictions (see `create_app`); `guard` may stand before the source of versions.

    `admit` looks at the files of a version before they are read, as `lib.registry.load` asks it.
    """

    access: Access | None = None
    screens: tuple[Screen, ...] = ()
    figures: tuple[Collector, ...] = ()
    extensions: tuple[Extension, ...] = ()
    conceal: Conceal = as_it_is
    admit: Admit | None = None
    guard: Callable[[Source], Source] = lambda source: source


def create_app(
    source: str | LoadedVersion | Source,
    *,
    settings: Settings | None = None,
    limits: Limits | None = None,
    policy: Policy = "durable",
    access: Access | None = None,
    screens: Iterable[Screen] = (),
    lookup: Lookup | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    figures: Iterable[Collector] = (),
    extensions: Iterable[Extension] = (),
    conceal: Conceal = as_it_is,
) -> FastAPI:
    """A server of the version that `source` names: a registered model's champion, one loaded version, or any callable.

    A callable is asked every `limits.poll_s` seconds, in a thread; `app.state.service.current.refresh()` asks now. When
    it raises NoModel, nothing answers any more; after any other error the old version serves on.
    Answers are recorded in `settings.prediction_folder` before they leave; where that fails, `policy` says whether the
    request is refused (`durable`) or answered and counted (`drop`). `access(request)` is called first and raises
    starlette's HTTPException for a request that may not pass; without it everybody may. Each of `screens` is called
    with the request, the bundle and the checked rows, in the event loop, and may refuse them: HTTPException, BadRows.
    `lookup()` is awaited before each prediction: what an answer needs from elsewhere. `clock` gives the log's time.
    `/metrics` tells `figures`, too.
    Each of `extensions` is called with the finished app, to which it may add routes, and returns what is entered when
    the server has started and left before it ends. `conceal(row)` gives the inputs as they are recorded; where it
    raises, the request is not answered.
    """
    settings = settings or Settings()
    service = Service(
        wanted_version(source, settings),
        PredictionLog(settings.prediction_folder),
        limits=limits or Limits(),
        policy=policy,
        clock=clock,
        lookup=lookup,
        figures=figures,
        conceal=conceal,
        screens=screens,
    )
    running: list[contextlib.AbstractAsyncContextManager[None]] = []

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with service.running(), contextlib.AsyncExitStack() as stack:
            for each in running:
                await stack.enter_async_context(each)
            yield

    app = FastAPI(title=TITLE, version=version("mlops-workbook"), lifespan=lifespan, redoc_url=None)
    app.state.service = service
    direct = _add_predictions(app, service)
    app.add_middleware(Edge, service=service, access=access, direct=direct)
    app.add_exception_handler(ServingError, _refused)
    app.add_exception_handler(HTTPException, _refused)
    _add_probes(app, service)
    _add_inference_v2(app, service)
    app.openapi = lambda: describe(app, service.current.bundle)  # type: ignore[method-assign]
    running += [extend(app) for extend in extensions]
    return app


async def _refused(request: Request, error: Exception) -> Response:
    return refusal(error, request.state.request_id)


def _add_probes(app: FastAPI, service: Service) -> None:
    async def live() -> Response:
        """The process answers; it says nothing about a model."""
        return answer({"status": "live"})

    async def ready() -> Response:
        """200 with the version while predictions are answered, else 503 with the reason."""
        bundle, refused = service.current.bundle, service.current.refusal
        up = bundle is not None and not service.draining
        state: dict[str, Any] = {
            "status": "ready" if up else "draining" if service.draining else "no model",
            "model_version": bundle.version if bundle else None,
            "model": bundle.name if bundle else None,
            "refused": {"version": refused.version, "reason": refused.reason} if refused else None,
        }
        return answer(state, status=200 if up else 503)

    async def mlflow_version() -> Response:
        """The version of MLflow, as its own server tells it."""
        return Response(version("mlflow-skinny"), media_type="text/plain")

    async def metrics() -> Response:
        """For Prometheus."""
        return Response(service.metrics.render(), media_type=CONTENT_TYPE_LATEST)

    for path in ("/live", "/v2/health/live"):
        app.get(path, tags=["probes"], **documented("Live"))(live)
    for path in ("/health", "/ready", "/ping", "/v2/health/ready"):
        app.get(path, tags=["probes"], **documented("Ready", 503))(ready)
    app.get("/version", tags=["mlflow"], **documented(text=True))(mlflow_version)
    app.get("/metrics", tags=["probes"], **documented(text=True))(metrics)


def _add_predictions(app: FastAPI, service: Service) -> dict[str, Endpoint]:
    """The routes, as documented; returned are their endpoints by path, for the short way."""

    async def predict(request: Request) -> Response:
        """Predict one row, given as an object, or many: `{"rows": [...]}`."""
        return await service.predict(request, plain_protocol.read)

    async def invocations(request: Request) -> Response:
        """MLflow's protocol: `dataframe_split`, `dataframe_records`, `instances`, `inputs`, or CSV with a header."""
        return await service.predict(request, mlflow_protocol.read)

    asked = documented("Predictions", 400, 413, 415, 422, 503)
    app.post("/predict", tags=["predict"], **asked, openapi_extra=body("Asked"))(predict)
    app.post("/invocations", tags=["mlflow"], **asked, openapi_extra=body("Invocation", csv=True))(invocations)
    return {"/predict": predict, "/invocations": invocations}


def _add_inference_v2(app: FastAPI, service: Service) -> None:
    def require(bundle: Bundle, name: str, number: str | None) -> Bundle:
        if name != bundle.name or number not in (None, str(bundle.version)):
            raise Refused(
                404,
                f"version {number or '(any)'} of {name!r:.80} is not served here; what is served is version "
                f"{bundle.version} of {bundle.name!r}",
            )
        return bundle

    async def server() -> Response:
        """The server and what it speaks."""
        return answer({"name": TITLE, "version": app.version, "extensions": ["binary_tensor_data"]})

    async def model(name: str, number: str | None = None) -> Response:
        """The tensors of the model."""
        return answer(inference_v2.metadata(require(service.bundle, name, number)))

    async def model_ready(name: str, number: str | None = None) -> Response:
        """Whether this very version answers."""
        require(service.bundle, name, number)
        return answer({"name": name, "ready": True})

    async def infer(request: Request, name: str, number: str | None = None) -> Response:
        """Predict from one tensor an input, in JSON or binary."""
        # Asked of the bundle that will answer: it may be replaced while the body comes in.
        return await service.predict(
            request, lambda content, bundle: inference_v2.read(content, require(bundle, name, number))
        )

    app.get("/v2", tags=["v2"], **documented("Server"))(server)
    for path in ("/v2/models/{name}", "/v2/models/{name}/versions/{number}"):
        app.get(path, tags=["v2"], **documented("Model", 404, 503))(model)
        app.get(f"{path}/ready", tags=["v2"], **documented("ModelReady", 404, 503))(model_ready)
        asked = documented("Inference", 400, 404, 413, 415, 422, 503)
        app.post(f"{path}/infer", tags=["v2"], **asked, openapi_extra=body("Tensors", binary=True))(infer)
