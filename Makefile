# What each target does is in the script it calls; PORTABLE=1 builds for any CPU.
.PHONY: build run demo test lint bootstrap

build:
	deploy/engine/build.sh build/savoirs

run:
	deploy/run.sh

demo:
	deploy/demo/demo.sh

test:
	deploy/test.sh

lint:
	deploy/lint.sh

bootstrap:
	deploy/bootstrap/build.sh build/bootstrap
