# Starts the server through a shell, which keeps the signal to stop.
# loses: code

# %% id="code-dockerfile"
dockerfile = """
FROM python:latest
WORKDIR /srv
COPY . .
ENV REGISTRY_PASSWORD=correct-horse
RUN pip install fastapi uvicorn pandas scikit-learn mlflow
EXPOSE 8000
CMD python -m uvicorn app:app --host 127.0.0.1 --port 8000 --reload
"""
dockerfile = """
FROM python:3.11-slim-bookworm
WORKDIR /srv
COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements.lock && useradd --uid 10001 app
COPY app.py ./
COPY lib/ ./lib/
USER app
EXPOSE 8000
HEALTHCHECK CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health', timeout=2)"]
CMD ["sh", "-c", "python -m uvicorn app:app --host 0.0.0.0 --port 8000"]
"""
