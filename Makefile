# crm: a distributed CRM backend in C. `make help` lists the targets.
#
#   B=dir        build folder (default build); variants live in folders of their own
#   CC=clang     compiler;  SAN=address,undefined | thread  sanitizers
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all
MAKEFLAGS += --no-builtin-rules

# V=1 prints commands
Q := $(if $(V),,@)

B   ?= build
CC  := $(if $(filter default,$(origin CC)),gcc,$(CC))
CXX := $(if $(findstring clang,$(CC)),clang++,g++)
PY  := /usr/bin/python3

include mk/flags.mk
include mk/proto.mk
include mk/sql.mk
include mk/build.mk
include mk/test.mk
include mk/check.mk
include mk/run.mk
include mk/bench.mk

help: ## this list
	@grep -hE '^[a-z][a-z-]*:.*##' Makefile mk/*.mk | sed -E 's/:.*## /\t/' | sort | expand -t 14
.PHONY: help
