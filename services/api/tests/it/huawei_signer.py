"""Signs requests as Huawei Cloud's clients do: one JSON object a line, in and out."""

import json
import sys

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer

for line in sys.stdin:
    asked = json.loads(line)
    request = SdkRequest(
        method=asked["method"],
        schema="http",
        host=asked["host"],
        resource_path=asked["path"],
        query_params=[tuple(pair) for pair in asked["query"]],
        header_params=asked["headers"],
        body=asked["body"],
    )
    signer = Signer(BasicCredentials(asked["accessKey"], asked["secret"], "project"))
    signed = signer.sign(request)
    print(json.dumps({"uri": signed.uri, "headers": signed.header_params}))
