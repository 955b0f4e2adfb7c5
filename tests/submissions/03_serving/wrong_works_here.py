# Names a base and a user, and copies the whole folder as before.
# loses: code

# %% id="code-dockerfile"
dockerfile = """
FROM python:3.11-slim-bookworm
WORKDIR /srv
COPY . .
RUN pip install --require-hashes -r requirements.lock && useradd app
USER app
HEALTHCHECK CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health')"]
CMD ["python", "-m", "uvicorn", "app:app", "--host", "0.0.0.0", "--port", "8000"]
"""
