/*
 * Folders that test programs make in /tmp, named <prefix><pid>-<random>. Threads: one.
 */
#pragma once

/* Removes a folder and all in it, as far as that goes now; the next sweep takes the rest. */
void folder_remove(const char *path);
/* Removes the folders of programs that are gone. prefix: "crm-pg-". */
void folder_sweep(const char *prefix);
