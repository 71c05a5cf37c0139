# Compiler flags, one place.
WARN    := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wno-missing-field-initializers -Werror
# vptr needs clang++ to link, and checks the only C++ file alone
SANFLAG := $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize=vptr -fno-sanitize-recover=all)
CFLAGS  ?= -O2 -g
CSTD    := -std=gnu11 -D_GNU_SOURCE -fno-omit-frame-pointer -fno-strict-aliasing -pthread -fstack-protector-strong
INC     := -Icommon -I. -I$(B)/gen
CPP_ALL := $(INC) -MMD -MP
C_ALL    = $(CSTD) $(CFLAGS) $(SANFLAG)
LDFLAGS := -pthread $(SANFLAG) -Wl,--as-needed
# Every third-party library, by name; --as-needed drops what a program does not use.
LIBS    := -lgrpc -lgpr -labsl_synchronization -lprotobuf-c -lnats -lpq -lsodium -lmicrohttpd -ljansson -lphonenumber -licuuc -licui18n -lstdc++ -lm
