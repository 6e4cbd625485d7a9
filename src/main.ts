console.log("plugd");
