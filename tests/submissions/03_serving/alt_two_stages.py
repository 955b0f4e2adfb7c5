# Right, by another road: built in one stage with uv, run in another.

# %% id="code-dockerfile"
dockerfile = """
# syntax=docker/dockerfile:1
FROM python:3.11.9-slim AS build
COPY --from=ghcr.io/astral-sh/uv:0.9.5 /uv /usr/local/bin/uv
COPY requirements.lock /tmp/requirements.lock
RUN python -m venv /venv && \\
    uv pip install --python /venv/bin/python --no-cache --require-hashes -r /tmp/requirements.lock

FROM python:3.11.9-slim@sha256:8fb099199b9f2d70342674bd9dbccd3ed03a258f26bbd1d556822c6dfc60c317
RUN groupadd --gid 10001 app && useradd --uid 10001 --gid app app
WORKDIR /srv
COPY --from=build /venv /venv
COPY requirements.lock .
COPY --chown=app:app lib lib
COPY --chown=app:app ["app.py", "./"]
USER 10001:10001
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1
HEALTHCHECK --interval=10s --timeout=3s CMD python -c "import urllib.request as u; u.urlopen('http://localhost:8000/live')"
ENTRYPOINT ["uvicorn", "app:app"]
CMD ["--host=0.0.0.0", "--port=8000"]
"""
