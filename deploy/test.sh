#!/bin/sh
# test.sh: all tests, with the real engine and real models. Without them,
# `go test ./...` alone passes offline and says what it skipped.
set -eu
cd "$(dirname "$0")/.."
deploy/engine/build.sh "$PWD/build/savoirs"
deploy/models/get.sh "$PWD/build/models"
export SAVOIRS_TEST_ENGINE="$PWD/build/savoirs" SAVOIRS_TEST_MODELS="$PWD/build/models" SAVOIRS_REQUIRE_ENGINE=1
exec go test -timeout 20m ./...
