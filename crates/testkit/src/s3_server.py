"""An S3-compatible server for tests: on a free port of the loopback, with a bucket `backups` and a user who must sign.

Prints a line: port, access key, secret key. Ends when its standard input does.
"""

import os
import sys
import threading

# The requests that make the user and the bucket; from the next on, signatures and rights are checked.
os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "4"
os.environ["AWS_ACCESS_KEY_ID"] = os.environ["AWS_SECRET_ACCESS_KEY"] = "nobody"
os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"

import boto3
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"

iam = boto3.client("iam", endpoint_url=url)
iam.create_user(UserName="pintle")
policy = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'
iam.put_user_policy(UserName="pintle", PolicyName="all", PolicyDocument=policy)
boto3.client("s3", endpoint_url=url).create_bucket(Bucket="backups")
key = iam.create_access_key(UserName="pintle")["AccessKey"]
print(server.server_port, key["AccessKeyId"], key["SecretAccessKey"], flush=True)
sys.stdin.read()
