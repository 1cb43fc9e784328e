# An S3 server for tests (moto), which checks signatures over the URL as it was sent: moto
# 5.2 unescapes it first, and then refuses requests of AWS's own clients too if their query
# has a slash.
import sys

import moto.iam.access_control as access
from flask import request
from moto.server import main

plain = access.IAMRequestBase.__init__


def init(self, *args, **kwargs):
    kwargs["path"] = request.environ["RAW_URI"]
    plain(self, *args, **kwargs)


access.IAMRequestBase.__init__ = init
main(sys.argv[1:])
