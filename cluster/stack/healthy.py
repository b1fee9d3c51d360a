"""Leave with 0 when a server answers: ``healthy.py URL``, with MLflow's user and password where they are set.

A 401 or 403 of the Jobs API or of S3 is an answer; MLflow must let us in, for a wrong ``--allowed-hosts`` is a 403 too.
"""

import base64
import os
import sys
import urllib.error
import urllib.request

request = urllib.request.Request(sys.argv[1])
user, password = (os.environ.get(f"MLFLOW_AUTH_ADMIN_{part}", "") for part in ("USERNAME", "PASSWORD"))
if password:
    request.add_header("Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())
try:
    urllib.request.urlopen(request, timeout=5).close()
except urllib.error.HTTPError as error:
    sys.exit(bool(password) or error.code not in (401, 403))
except OSError:
    sys.exit(1)
