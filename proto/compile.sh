#!/bin/sh
# Compiles our .proto files into the packages that speak them; `make proto` calls it.
# With a folder as argument the result goes there instead (a test compares it with what is committed).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=${1:-$(dirname "$here")}

compile() { # compile PACKAGE_FOLDER FILE...
  out="$root/$1"; shift
  mkdir -p "$out"
  (cd "$here" && python -m grpc_tools.protoc --proto_path=. --python_out="$out" --pyi_out="$out" "$@")
}

compile authsvc/extauthz/pb extauthz.proto extproc.proto health.proto
compile analytics/pb accesslog.proto bodies.proto health.proto
